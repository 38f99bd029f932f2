"""What benefits cost and what points are owed: accounting, forecast, snapshot of a live programme. Imports sim."""
