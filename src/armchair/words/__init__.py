"""Codes to text: the only room that knows sentences. The store and the domain hold codes and parameters."""

from armchair.words.errors import error as error
from armchair.words.errors import field_error as field_error
from armchair.words.events import event as event
from armchair.words.language import gettext as gettext
from armchair.words.language import ngettext as ngettext
from armchair.words.line import Line as Line
from armchair.words.line import Message as Message
from armchair.words.line import Tone as Tone
from armchair.words.outcomes import outcome as outcome
from armchair.words.quantities import ago as ago
from armchair.words.quantities import clock as clock
from armchair.words.quantities import clock_time as clock_time
from armchair.words.quantities import cores as cores
from armchair.words.quantities import duration as duration
from armchair.words.quantities import long_duration as long_duration
from armchair.words.quantities import memory as memory
from armchair.words.quantities import resources as resources
from armchair.words.quantities import time_left as time_left
from armchair.words.states import state as state

_ = gettext
