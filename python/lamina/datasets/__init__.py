"""Real data that needs no network: inside the wheel, or found on this machine."""

from lamina.datasets import digits, fashion_mnist

__all__ = ["digits", "fashion_mnist"]
