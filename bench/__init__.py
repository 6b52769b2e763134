"""What Flipbook claims, runnable. Each bench says in its first lines what it measures."""
