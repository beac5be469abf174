"""What a run did, as OpenLineage events for whatever reads those."""
