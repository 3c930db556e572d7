"""The twenty-one tables and figures, and what each is made of."""
