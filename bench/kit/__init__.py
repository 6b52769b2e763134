"""What the benches share: figures, promises, and a page that keeps them."""
