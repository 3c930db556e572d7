"""What artefacts are made of, and share: each type of product says what it requires, needs and costs, and makes it."""
