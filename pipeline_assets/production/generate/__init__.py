"""From the asset graph to a plan, to state machines, to templates: pure, it calls nothing."""
