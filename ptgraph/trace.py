from .tracer import *
