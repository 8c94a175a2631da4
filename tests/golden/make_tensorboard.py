"""Makes tests/golden/tensorboard/scalars.events: an event file as TensorBoard's own writer frames it (needs `tensorboard`).

    python tests/golden/make_tensorboard.py            writes the golden file
    python tests/golden/make_tensorboard.py FOLDER     prints the scalars that TensorBoard reads from a folder
"""
import os
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

WALL_TIME = 1700000000.25


def golden_events():
    yield Event(wall_time=WALL_TIME, file_version="brain.Event:2")
    yield Event(wall_time=WALL_TIME, step=1, session_log=SessionLog(status=SessionLog.START))
    for step, values in [(1, {"loss": 3.5, "eval/loss": 4.25}), (300, {"loss": 1e-3})]:
        summary = Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in values.items()])
        yield Event(wall_time=WALL_TIME, step=step, summary=summary)


def write_golden(path):
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in golden_events():
            writer.write(event.SerializeToString())
        writer.flush()


def print_scalars(folder):
    accumulator = EventAccumulator(folder)
    accumulator.Reload()
    for tag in sorted(accumulator.Tags()["scalars"]):
        print(tag, [(event.step, event.value) for event in accumulator.Scalars(tag)])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print_scalars(sys.argv[1])
    else:
        write_golden(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tensorboard", "scalars.events"))
