"""Has moto's server handle one request at a time; Python runs this file before the server.

moto serves each request on a thread of its own and is not made for it: deleting an SQS message replaces the list that
a message sent at that moment is added to, and the message is lost; a DynamoDB transaction that fails puts back a copy
of its tables, and with it takes back what others wrote meanwhile; conditional writes and the sequence numbers of a
stream race. One lock around every request ends that, at no cost: Python runs one thread at a time anyway. Only a long
poll gives the lock away while it waits.
"""

import importlib.util
import sys
import threading

if importlib.util.find_spec("moto"):  # not in a tool on the way to the server that has a Python of its own
    try:
        from moto.core.responses import BaseResponse
        from moto.sqs.models import Queue

        one_at_a_time = threading.RLock()
        dispatch = BaseResponse.dispatch.__func__
        wait_for_messages = Queue.wait_for_messages

        def serial_dispatch(cls, *args, **kwargs):
            with one_at_a_time:
                return dispatch(cls, *args, **kwargs)

        def patient_wait_for_messages(self, timeout):
            one_at_a_time.release()
            try:
                return wait_for_messages(self, timeout)
            finally:
                one_at_a_time.acquire()

        BaseResponse.dispatch = classmethod(serial_dispatch)
        Queue.wait_for_messages = patient_wait_for_messages
    except Exception as e:  # Python would only print it and go on
        sys.exit(f"this version of moto cannot be made to handle one request at a time: {e!r}")
