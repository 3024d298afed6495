"""The places of ZIP codes, for the distance between a member and a provider.

The table holds the area that the plan serves, the San Francisco Bay Area, as approximate centers good to about a mile.
"""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

from convonet.core.errors import DomainError

EARTH_RADIUS_MILES = 3958.8

CENTERS: dict[str, tuple[float, float]] = {
    "94010": (37.569, -122.366),
    "94014": (37.691, -122.448),
    "94015": (37.681, -122.481),
    "94040": (37.380, -122.086),
    "94061": (37.465, -122.231),
    "94063": (37.483, -122.213),
    "94080": (37.657, -122.424),
    "94085": (37.389, -122.018),
    "94102": (37.780, -122.419),
    "94103": (37.773, -122.411),
    "94105": (37.789, -122.396),
    "94107": (37.762, -122.397),
    "94108": (37.792, -122.409),
    "94109": (37.795, -122.422),
    "94110": (37.749, -122.416),
    "94112": (37.720, -122.443),
    "94114": (37.759, -122.433),
    "94115": (37.786, -122.437),
    "94116": (37.744, -122.486),
    "94117": (37.770, -122.442),
    "94118": (37.781, -122.461),
    "94121": (37.777, -122.494),
    "94122": (37.759, -122.484),
    "94123": (37.800, -122.434),
    "94124": (37.731, -122.383),
    "94127": (37.735, -122.457),
    "94131": (37.742, -122.438),
    "94132": (37.724, -122.480),
    "94133": (37.802, -122.411),
    "94134": (37.719, -122.410),
    "94301": (37.444, -122.150),
    "94304": (37.433, -122.184),
    "94401": (37.574, -122.323),
    "94501": (37.771, -122.282),
    "94520": (37.982, -122.036),
    "94536": (37.565, -121.986),
    "94538": (37.527, -121.968),
    "94541": (37.674, -122.089),
    "94577": (37.721, -122.159),
    "94596": (37.905, -122.055),
    "94601": (37.776, -122.219),
    "94607": (37.807, -122.285),
    "94609": (37.835, -122.264),
    "94610": (37.813, -122.244),
    "94611": (37.829, -122.203),
    "94612": (37.809, -122.267),
    "94702": (37.866, -122.286),
    "94703": (37.864, -122.275),
    "94704": (37.866, -122.257),
    "94705": (37.865, -122.238),
    "94709": (37.878, -122.266),
    "94901": (37.971, -122.506),
    "94941": (37.898, -122.540),
    "94965": (37.851, -122.525),
    "95014": (37.308, -122.081),
    "95050": (37.349, -121.953),
    "95110": (37.336, -121.902),
    "95112": (37.354, -121.887),
    "95125": (37.296, -121.894),
}
"""Latitude and longitude in degrees by ZIP code."""


def miles(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Great-circle distance between two points given as latitude and longitude in degrees (haversine)."""
    lat1, lon1, lat2, lon2 = (radians(degrees) for degrees in (*here, *there))
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_MILES * asin(min(1.0, sqrt(chord)))


def zip_codes_within(zip_code: str, radius: float) -> dict[str, float]:
    """Miles by ZIP code for all known codes within `radius` miles. Raises `DomainError` for a code that is unknown."""
    here = CENTERS.get(zip_code)
    if here is None:
        digits = " ".join(zip_code)
        raise DomainError(
            f"unknown zip {zip_code}",
            spoken=f"I don't know where ZIP code {digits} is. Please give me a ZIP code in the area of your plan.",
        )
    distances = {code: round(miles(here, there), 1) for code, there in CENTERS.items()}
    return {code: distance for code, distance in distances.items() if distance <= radius}
