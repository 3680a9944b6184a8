"""Notices: rules over runs, budgets, spend and queue, and the webhook that is told when one is met."""
