"""How large everything is at each scale."""
