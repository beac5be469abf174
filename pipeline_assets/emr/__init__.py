"""EMR: clusters and who shares one, steps, their drivers and logs. Below what starts jobs and what generates them."""
