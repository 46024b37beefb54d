#!/usr/bin/env python3
"""Sends files to a DICOM node by pynetdicom, and prints its responses as JSON.

    tests/dicom/associate.py PORT TITLE [--tls CA CERT KEY] [--commit] [FILE ...]

`rejected` has the result, source and reason of a rejection; `echo` is the status of C-ECHO and
`stored` those of C-STORE, `null` where the node accepts no such context. With `--commit` storage
commitment is proposed too: `proposed` is the result for its context, and `committed` the status of
its request, sent in another context where it has none.
"""

import json
import ssl
import sys

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ

VERIFICATION = "1.2.840.10008.1.1"
# Storage Commitment Push Model (PS3.4, annex J): its class, and its only instance.
COMMITMENT, COMMITTING = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"


def context_of(arguments):
    if arguments[:1] != ["--tls"]:
        return None, arguments
    authority, certificate, key = arguments[1:4]
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority)
    context.check_hostname = False
    if certificate:
        context.load_cert_chain(certificate, key)
    return (context, None), arguments[4:]


def committed(association, objects):
    """Asks the node to commit to objects, and returns the status."""
    wanted = Dataset()
    wanted.TransactionUID = "2.25.4711"
    wanted.ReferencedSOPSequence = []
    for data in objects:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
        wanted.ReferencedSOPSequence.append(item)
    accepted = [context.abstract_syntax for context in association.accepted_contexts]
    through = COMMITMENT if COMMITMENT in accepted else VERIFICATION
    status, _ = association.send_n_action(wanted, 1, COMMITMENT, COMMITTING, meta_uid=through)
    return status.get("Status")


def answers_only(association):
    """Leaves what comes to who waits for it.

    The association's own thread looks for requests of the node, of which there are none, and on a
    busy machine it took a response to a C-STORE for one; the sender waited for that in vain.
    """
    received = association.dimse.get_msg
    association.dimse.get_msg = lambda block=False: received(block) if block else (None, None)


def main():
    port, title, *rest = sys.argv[1:]
    tls, files = context_of(rest)
    commits = files[:1] == ["--commit"]
    files = files[1:] if commits else files
    peer = AE("SENDER")
    peer.add_requested_context(VERIFICATION)
    if commits:
        peer.add_requested_context(COMMITMENT)
    objects = [dcmread(path) for path in files]
    for data in objects:
        peer.add_requested_context(data.SOPClassUID, data.file_meta.TransferSyntaxUID)
    said = {}

    # pynetdicom calls a rejection that is quicker than its own threads an abort.
    def note(event):
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            said["rejected"] = [event.pdu.result, event.pdu.source, event.pdu.reason_diagnostic]

    handlers = [(evt.EVT_PDU_RECV, note)]
    association = peer.associate(
        "127.0.0.1", int(port), ae_title=title, tls_args=tls, evt_handlers=handlers
    )
    said["established"] = association.is_established
    if association.is_established:
        answers_only(association)
        said["echo"] = association.send_c_echo().get("Status")
        said["stored"] = []
        for data in objects:
            try:
                said["stored"].append(association.send_c_store(data).get("Status"))
            except ValueError:
                said["stored"].append(None)
        if commits:
            contexts = association.accepted_contexts + association.rejected_contexts
            said["proposed"] = [c.result for c in contexts if c.abstract_syntax == COMMITMENT]
            said["committed"] = committed(association, objects)
            said["echo"] = association.send_c_echo().get("Status")
        association.release()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
