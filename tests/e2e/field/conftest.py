import sys
from pathlib import Path

# What the clients go through is in a folder of its own.
sys.path.insert(0, str(Path(__file__).parents[1] / "clients"))
