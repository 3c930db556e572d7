"""One module for each layout: a store, or a Hugging Face data set, becomes a list of entries."""
