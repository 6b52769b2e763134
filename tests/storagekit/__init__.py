"""What the store's tests share: a clock that is told the time, and requests without a platform."""
