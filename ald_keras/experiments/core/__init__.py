"""What all experiments share: jobs, processes, records, tables."""
