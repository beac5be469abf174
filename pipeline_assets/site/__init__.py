"""The docs as a static site: pages from contracts and docs/, pictures of lineage, the call of mkdocs."""
