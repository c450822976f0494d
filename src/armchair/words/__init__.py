"""Codes to text: the only room that knows sentences. The store and the domain hold codes and parameters."""

from armchair.words.errors import error as error
from armchair.words.estimates import about as about
from armchair.words.estimates import beyond as beyond
from armchair.words.estimates import estimate as estimate
from armchair.words.estimates import estimate_sentence as estimate_sentence
from armchair.words.estimates import sooner as sooner
from armchair.words.events import event as event
from armchair.words.fielderrors import field_error as field_error
from armchair.words.jobs import free as free
from armchair.words.jobs import free_memory as free_memory
from armchair.words.jobs import job_size as job_size
from armchair.words.jobs import job_state as job_state
from armchair.words.jobs import job_why as job_why
from armchair.words.jobs import waiting as waiting
from armchair.words.language import gettext as gettext
from armchair.words.language import ngettext as ngettext
from armchair.words.letters import letter as letter
from armchair.words.line import Line as Line
from armchair.words.line import Message as Message
from armchair.words.line import Tone as Tone
from armchair.words.outcomes import outcome as outcome
from armchair.words.quantities import ago as ago
from armchair.words.quantities import clock as clock
from armchair.words.quantities import clock_time as clock_time
from armchair.words.quantities import cores as cores
from armchair.words.quantities import duration as duration
from armchair.words.quantities import gpus as gpus
from armchair.words.quantities import long_duration as long_duration
from armchair.words.quantities import memory as memory
from armchair.words.quantities import resources as resources
from armchair.words.quantities import time_left as time_left
from armchair.words.reasons import Waiting as Waiting
from armchair.words.reasons import Why as Why
from armchair.words.reasons import why as why
from armchair.words.screen import screen as screen
from armchair.words.states import state as state
from armchair.words.usage import spared as spared
from armchair.words.usage import usage as usage

_ = gettext
