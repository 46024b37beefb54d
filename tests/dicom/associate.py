#!/usr/bin/env python3
"""Sends files to a DICOM node by pynetdicom, and prints its responses as JSON.

    tests/dicom/associate.py PORT TITLE [--tls CA CERT KEY] [FILE ...]

`rejected` has the result, source and reason of a rejection; `echo` is the status of C-ECHO and
`stored` those of C-STORE, `null` where the node accepts no such context.
"""

import json
import ssl
import sys

from pydicom import dcmread
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ

VERIFICATION = "1.2.840.10008.1.1"


def context_of(arguments):
    if arguments[:1] != ["--tls"]:
        return None, arguments
    authority, certificate, key = arguments[1:4]
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority)
    context.check_hostname = False
    if certificate:
        context.load_cert_chain(certificate, key)
    return (context, None), arguments[4:]


def main():
    port, title, *rest = sys.argv[1:]
    tls, files = context_of(rest)
    peer = AE("SENDER")
    peer.add_requested_context(VERIFICATION)
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
        said["echo"] = association.send_c_echo().get("Status")
        said["stored"] = []
        for data in objects:
            try:
                said["stored"].append(association.send_c_store(data).get("Status"))
            except ValueError:
                said["stored"].append(None)
        association.release()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
