"""The JSON that the service answers with, as models for the OpenAPI document: a module a subject.

They describe, they do not work: answers are put together from stored bytes (`tail/`) or dicts, and to run each through
a model would cost more than all the rest. A test holds every answer to its model. Times are microseconds since the
epoch (`_us` is left out of the names on the wire), money is USD, and nano-USD as whole numbers.
"""
