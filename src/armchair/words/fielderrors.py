"""What is wrong with one answer of a form, in words."""

from datetime import timedelta

from armchair.domain.errors import FieldError
from armchair.words.errors import error, values_of
from armchair.words.language import gettext, mark
from armchair.words.quantities import cores, gpus, long_duration, memory

FIELDS: dict[str, str] = {
    "webhook_unknown_host": mark("There is no host of this name."),
    "field_unknown": mark("This application has no such field.%(hint)s"),
    "field_required": mark("This is needed."),
    "field_too_small": mark("The least is %(minimum)s."),
    "field_too_large": mark("The most is %(maximum)s."),
    "field_too_short": mark("At least %(minimum)s characters."),
    "field_too_long": mark("At most %(maximum)s characters."),
    "field_not_a_step": mark("Only steps of %(step)s from %(minimum)s."),
    "field_bad_choice": mark("Choose one of: %(choices)s."),
    "field_bad_pattern": mark("This does not have the expected form. %(help)s"),
    "field_not_a_number": mark("A number, like %(example)s."),
    "field_not_a_whole_number": mark("A whole number, like %(example)s."),
    "field_not_a_boolean": mark("Say true or false."),
    "field_not_a_text": mark("This must be a text."),
    "field_bad_duration": mark("A length of time, like %(example)s."),
    "field_bad_memory": mark("An amount of memory, like %(example)s."),
    "field_has_control_characters": mark("Only printable characters, on one line."),
    "image_missing": mark("There is no image %(path)s."),
    "image_corrupt": mark("The image %(path)s can't be used. %(reason)s"),
    "image_architecture": mark("The image %(path)s is for processors of the kind %(machine)s, and here they are %(here)s."),
    "image_forbidden": mark("This site does not run %(path)s. Choose one of: %(choices)s."),
    "image_not_a_path": mark("The whole path of an image, beginning with / or ~/."),
    "size_unknown": mark("There is no such size. Choose one of: %(choices)s."),
    "title_too_long": mark("At most %(maximum)s characters."),
    "cluster_unknown": mark("%(app)s can't run on a cluster named %(name)s. Choose one of: %(choices)s."),
    "place_name_invalid": mark("A name begins with a letter or digit and has only these and . _ - + : @."),
    "place_no_queue": mark("The cluster %(cluster)s has no partitions, accounts or the like: leave this empty."),
    "place_no_account": mark(
        "The cluster %(cluster)s knows no group account of yours, so it takes no jobs from you. Ask its help desk for one."
    ),
    "place_partition_unknown": mark("No partition named %(name)s is open to you. Choose one of: %(choices)s."),
    "place_account_unknown": mark("%(name)s is no group account of yours here. Choose one of: %(choices)s."),
    "place_qos_unknown": mark("The QOS %(name)s can't be used here. Choose one of: %(choices)s."),
    "place_qos_needed": mark("%(partition)s does not take your usual QOS %(name)s. Choose one of: %(choices)s."),
    "place_reservation_unknown": mark("No reservation named %(name)s is open to you now."),
    "place_account_not_here": mark("Your group %(account)s may not use %(partition)s."),
    "place_gpu_type_unknown": mark("%(partition)s has no GPUs of type %(name)s. Choose one of: %(choices)s."),
    "place_node_cores": mark("The largest node of %(partition)s has %(limit)s."),
    "place_node_memory": mark("The largest node of %(partition)s has %(limit)s of memory."),
    "place_node_gpus": mark("The largest node of %(partition)s has %(limit)s."),
    "place_node_no_gpus": mark("%(partition)s has no GPUs."),
    "place_partition_walltime": mark("%(partition)s allows at most %(limit)s."),
    "place_partition_cores": mark("%(partition)s allows at most %(limit)s at once."),
    "place_partition_memory": mark("%(partition)s allows at most %(limit)s of memory at once."),
    "place_partition_gpus": mark("%(partition)s allows at most %(limit)s at once."),
    "place_account_walltime": mark("Your group %(account)s allows at most %(limit)s."),
    "place_account_cores": mark("Your group %(account)s allows at most %(limit)s at once."),
    "place_account_memory": mark("Your group %(account)s allows at most %(limit)s of memory at once."),
    "place_account_gpus": mark("Your group %(account)s allows at most %(limit)s at once."),
    "place_qos_walltime": mark("The QOS %(qos)s allows at most %(limit)s."),
    "place_qos_cores": mark("The QOS %(qos)s allows at most %(limit)s at once."),
    "place_qos_memory": mark("The QOS %(qos)s allows at most %(limit)s of memory at once."),
    "place_qos_gpus": mark("The QOS %(qos)s allows at most %(limit)s at once."),
    "place_reservation_partition": mark("The reservation %(reservation)s is in %(partition)s."),
    "place_reservation_walltime": mark("Of the reservation %(reservation)s at most %(limit)s are left."),
    "thumbnail_unfit": mark(
        "A still WebP, JPEG or PNG of at most %(kilobytes)s KiB and %(pixels)s pixels on each side is kept as a thumbnail."
    ),
    "time_is_past": mark("This time is over already."),
    "token_name_invalid": mark("A name of 1 to %(longest)s printable characters that is not reserved."),
    "token_scopes_missing": mark("Choose at least one thing that it may do."),
    "token_lifetime_invalid": mark("From now to at most %(longest_days)s days."),
}


def field_error(problem: FieldError) -> str:
    """What is wrong with one answer, and what is allowed."""
    text = FIELDS.get(problem.code)
    if text is None:
        return error(problem.code, problem.params).title
    values = values_of(problem.params)
    if problem.code.startswith("place_"):
        values["limit"] = _limit(problem)
    return (gettext(text) % values).strip()


def _limit(problem: FieldError) -> str:
    """The limit of a size, with its unit."""
    limit, kind = problem.params.get("limit"), problem.params.get("kind")
    if not isinstance(limit, int):
        return "?"
    name = problem.code.rpartition("_")[2]
    if name == "walltime":
        return long_duration(timedelta(seconds=limit))
    if name == "memory":
        return memory(limit)
    if name == "gpus":
        return gettext("%(gpus)s of type %(kind)s") % {"gpus": gpus(limit), "kind": kind} if kind else gpus(limit)
    return cores(limit)
