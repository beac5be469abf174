"""What `pipeline new` writes for a source: guessed from a sample, checked as everything is, and said.

    names       words of a name, the column it becomes        infer      records -> fields, key, day column
    envelope    a page of an API -> how it is read             dialect    bytes of a CSV -> separator and the rest
    table_types columns of a table, or of Parquet -> fields    guess      what is known of a source, whatever its kind
    api         files       table                              the guess of each kind, from its sample
    draft       the two contracts of a guess                   render     their text
    profiles    the connection in the settings                 write      all of it into the domain, or nothing
    page        one page of an API, asked for                  query      parameters of a request -> the day's window
    source      from what a person named to all of these       domain     an empty domain

Does not own: what a contract may say (emr_jobs.contracts).
Invariant: no file is overwritten, and what is written loads.
"""
