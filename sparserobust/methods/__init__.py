"""One file per paper or family; each names its parts (score, allocation, offset) and the paper's twist."""
