"""What happens over time: steps, waits, timers. Imports models and temporalio, calls activities by name."""
