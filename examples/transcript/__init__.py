"""Transcripts: what a person types and sees, as data that is played and compared.

`python -m examples.transcript FILE` plays one. A file is read line by line:

    # words              for the reader
    needs: nginx: apt install nginx
    needs: import flask: pip install flask
    needs: local.conf: copy example.conf
                         a program, a Python module or a file that has to be there
    $ command &          starts a server, and waits until its port answers
    $ telnet HOST PORT   connects; what is typed from here on goes there
    $ kill %1            ends the server that was started first; with -9 at once
    $ command            runs to its end; the seen lines below are its output
    > line               is typed, and ends in CR LF as telnet sends it
    < line               is seen
    (2 seconds later)    waits
    === name             goes on in another terminal, with a connection of its own
    Connection closed by foreign host.
                         the server has closed the connection
    Connection closed.   the person has, whatever may still come (Ctrl-] and `quit` in telnet)

Seen lines end in CR LF in the head of an HTTP message, and in LF elsewhere. `␍` at the end of a
line is a CR before the LF, and `\\` says that the line does not end here, as in a shell.

Ports of 8000 to 8089 are those that a person types. The player works in a copy of the folder, and
gives each another one that is free, in commands, in what is seen and in *.conf, *.js and *.sh.

What varies has a name in angle brackets; `names.py` has the table of them. Everything else
has to be the same, byte by byte, or the runner prints the difference and ends with status 1.
"""
