"""Executions of what is deployed: started, followed, told why they failed."""
