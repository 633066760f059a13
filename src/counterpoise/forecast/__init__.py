"""What the flow foretells: signals of markets that belong together, and the moves they announce."""

from counterpoise.forecast.move_forecast import MoveForecast, fit_move_forecast
from counterpoise.forecast.signals import MarketSignals

__all__ = ["MarketSignals", "MoveForecast", "fit_move_forecast"]
