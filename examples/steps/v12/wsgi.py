"""What a production server loads; FLACK_DATABASE says where messages and users are."""

from .config import CONFIGS
from .flack import create_app

application = create_app(CONFIGS["production"])
