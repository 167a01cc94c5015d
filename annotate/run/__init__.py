"""What every pipeline that asks teachers about many inputs shares of a run: shares, money, models, earlier rows."""
