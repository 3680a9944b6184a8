"""What was spent, by day, backend, model and operation: sums that outlive the runs they were made from.

A run's cost counts on the day (UTC) on which it began, so that a day's sum is the sum over its runs. The sums are
brought up to date by a bookkeeper, run by run: what a run adds now, less what it had added before, in one step. So a
run is never counted twice, whoever books it and however often. What was imported was spent elsewhere. What runs on demo
data cost is not real money: it has sums of its own.
"""

from spantail_service.runs.spending.booking import DIMENSIONS, day_of
from spantail_service.runs.spending.bookkeeper import Bookkeeper
from spantail_service.runs.spending.sums import MAX_DAYS, spend_by_backend, spend_of_days

__all__ = ["DIMENSIONS", "MAX_DAYS", "Bookkeeper", "day_of", "spend_by_backend", "spend_of_days"]
