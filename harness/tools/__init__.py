"""What every room uses and what knows nothing of emotions: files, digests, names, adapters, forms."""
