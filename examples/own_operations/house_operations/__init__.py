"""Operations of our own: the service offers them as soon as this package is installed beside it."""

from house_operations.count import COUNT
from house_operations.headline import HEADLINE

OPERATIONS = (COUNT, HEADLINE)
