"""Mends moto's server where it is not made for what the local cloud does; Python runs this file before the server.

It has the server handle one request at a time. moto serves each request on a thread of its own and is not made for it:
deleting an SQS message replaces the list that a message sent at that moment is added to, and the message is lost; a
DynamoDB transaction that fails puts back a copy of its tables, and with it takes back what others wrote meanwhile;
conditional writes and the sequence numbers of a stream race. One lock around every request ends that, at no cost: Python
runs one thread at a time anyway. Only a long poll gives the lock away while it waits.

It makes those copies of tables cheap. moto copies a table with every item and every record of its stream, once for each
operation of a transaction, before it knows whether the transaction fails. Here a copy shares the items with its table,
and an update, which is the only thing that changes an item in its place, is made to a copy of the item.

It has those who read a table's stream go on with the stream of the table that is there. moto leaves them with that of the
table that a failed transaction has taken away, and to which nothing is added any more.

It lets a table's stream be switched on again once it was switched off, which moto refuses for ever, and has a table that is deleted
take its resource policy along, which moto gives to the next table of that name.

It makes receiving from a queue cheap. moto counts all messages of the queue nine times for each message that it returns,
to look up the retention period: a queue with a few hundred messages took a tenth of a second per receive, and no
consumer caught up with it.

It tells the age of a queue's oldest message, as an attribute that is asked for by name: on AWS it is a metric.

In the end it says which moto it has mended: the local cloud takes only versions that were tested with it.
"""

import importlib.util
import sys
import threading
import time

if importlib.util.find_spec("moto"):  # not in a tool on the way to the server that has a Python of its own
    try:
        import copy

        import moto
        from moto.core.responses import BaseResponse
        from moto.dynamodb.exceptions import StreamAlreadyEnabledException
        from moto.dynamodb.models import DynamoDBBackend
        from moto.dynamodb.models.dynamo_type import DynamoType
        from moto.dynamodb.models.table import Table
        from moto.dynamodbstreams.models import ShardIterator
        from moto.sqs.models import Message, Queue, SQSBackend

        one_at_a_time = threading.RLock()
        dispatch = BaseResponse.dispatch.__func__
        wait_for_messages = Queue.wait_for_messages
        update_item = DynamoDBBackend.update_item
        delete_table = DynamoDBBackend.delete_table
        get_records = ShardIterator.get
        queue_attributes = SQSBackend.get_queue_attributes

        def serial_dispatch(cls, *args, **kwargs):
            with one_at_a_time:
                return dispatch(cls, *args, **kwargs)

        def patient_wait_for_messages(self, timeout):
            one_at_a_time.release()
            try:
                return wait_for_messages(self, timeout)
            finally:
                one_at_a_time.acquire()

        def sharing_copy(self, memo):
            table = copy.copy(self)
            memo[id(self)] = table
            table.items = copy.copy(self.items)
            if self.has_range_key:
                for key, items in self.items.items():
                    table.items[key] = copy.copy(items)
            if self.stream_shard is not None:
                table.stream_shard = copy.copy(self.stream_shard)
                table.stream_shard.items = list(self.stream_shard.items)
                table.stream_shard.table = table
            return table

        def update_a_copy(self, table_name, key, *args, **kwargs):
            table = self.get_table(table_name)
            names = [table.hash_key_attr] + ([table.range_key_attr] if table.has_range_key else [])
            if all(name in key for name in names):
                hash_and_range = [DynamoType(key[name]) for name in names]
                item = table.get_item(*hash_and_range)
                if item is not None:
                    holder = table.items[hash_and_range[0]] if table.has_range_key else table.items
                    holder[hash_and_range[-1]] = copy.deepcopy(item)
            return update_item(self, table_name, key, *args, **kwargs)

        def switch_stream(self, table, specification):
            on = specification.get("StreamEnabled") or specification.get("StreamViewType")
            if on and (table.stream_specification or {}).get("StreamEnabled"):
                raise StreamAlreadyEnabledException
            table.set_stream_specification(specification)

        def delete_with_policy(self, name):
            table = delete_table(self, name)
            self.resource_policies.pop(table.table_arn, None)
            return table

        def get_present_records(self, *args, **kwargs):
            was = self.stream_shard.table
            table = self.streams_backend.dynamodb.tables.get(was.name)
            if table is not None and table.latest_stream_label == was.latest_stream_label:
                self.stream_shard = table.stream_shard
            return get_records(self, *args, **kwargs)

        def is_retained(self, queue_name, message):
            return self.get_queue(queue_name).message_retention_period + message.sent_timestamp / 1000 > time.time()

        def attributes_with_age(self, queue_name, attribute_names):
            age = "ApproximateAgeOfOldestMessage"
            found = queue_attributes(self, queue_name, [name for name in attribute_names if name != age])
            if age in attribute_names:
                sent = [message.sent_timestamp for message in self.get_queue(queue_name)._messages]
                found = {**found, age: str(int(time.time() - min(sent) / 1000) if sent else 0)}
            return found

        BaseResponse.dispatch = classmethod(serial_dispatch)
        SQSBackend.is_message_valid_based_on_retention_period = is_retained
        SQSBackend.get_queue_attributes = attributes_with_age
        Message.visible = property(lambda self: self.visible_at < time.time() * 1000)
        Message.delayed = property(lambda self: self.delayed_until > time.time() * 1000)
        Queue.wait_for_messages = patient_wait_for_messages
        Table.__deepcopy__ = sharing_copy
        DynamoDBBackend.update_item = update_a_copy
        assert DynamoDBBackend.update_table_streams
        DynamoDBBackend.update_table_streams = switch_stream
        DynamoDBBackend.delete_table = delete_with_policy
        ShardIterator.get = get_present_records
        print(f"moto {moto.__version__}, mended for the local cloud", file=sys.stderr, flush=True)
    except Exception as e:  # Python would only print it and go on
        sys.exit(f"this version of moto cannot be mended: {e!r}")
