"""What ships to EMR, and where it lies there. Below what starts jobs and what generates them."""
