"""The rule of the paper on adaptive latent dimension reduction (arXiv 2312.06280)."""
