"""Networks: brains made concrete."""
