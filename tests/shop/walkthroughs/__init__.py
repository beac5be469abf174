"""README and docs/walkthroughs.md, done word by word in a copy of the checkout."""
