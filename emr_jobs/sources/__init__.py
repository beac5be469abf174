"""Where the data comes from: one module per kind of source. Each reads a day once and raises PipelineErrors."""
