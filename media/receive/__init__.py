"""From a socket to access units: receivers and the pipeline behind them."""
