"""Sits in front of a LibreOffice that listens on a pipe, for the end-to-end tests: reads commands from standard input, one a line, its
words separated by tabs, and answers each with a line, "ok ..." or "error ...".

    open URL            opens a document, or a new one: private:factory/swriter, private:factory/scalc
    text                what a text document says
    type TEXT           writes this instead
    cell ADDRESS        what a cell of a spreadsheet says
    fill ADDRESS TEXT   writes this into it
    save                File > Save
    saveas URL          File > Save As, over what is there
    readonly            yes if the document can't be changed
    asked               what LibreOffice has asked since the last time: "password", "in use" or "other"
    close

Usage: libreoffice.py PIPE USER, with the password in $POSTERN_DAV_PASSWORD.
"""

import os
import sys
import threading

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.task import XInteractionHandler


def offers(answers, interface):
    """The answer of this kind, or None. (What is asked can't be read: pyuno stumbles over exceptions that come as values.)"""
    wanted = uno.getTypeByName("com.sun.star." + interface)
    return next((a for a in answers if a.queryInterface(wanted)), None)


class Person(unohelper.Base, XInteractionHandler):
    """Knows the password, and opens a document that is in use for reading."""

    def __init__(self, user, password):
        self.user, self.password, self.asked = user, password, []

    def handle(self, request):
        answers = request.getContinuations()
        password = offers(answers, "ucb.XInteractionSupplyAuthentication")
        approve = offers(answers, "task.XInteractionApprove")
        if password:
            self.asked.append("password")
            password.setUserName(self.user)
            password.setPassword(self.password)
            password.select()
        elif approve and offers(answers, "task.XInteractionDisapprove"):
            self.asked.append("in use")  # approve: read-only; disapprove: a copy
            approve.select()
        else:
            self.asked.append("other")
            abort = offers(answers, "task.XInteractionAbort")
            if abort:
                abort.select()


def connect(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    for _ in range(600):
        try:
            return resolver.resolve("uno:pipe,name=%s;urp;StarOffice.ComponentContext" % pipe)
        except NoConnectException:
            threading.Event().wait(0.1)
    sys.exit("LibreOffice does not answer")


def settings(**values):
    return tuple(PropertyValue(Name=name, Value=value) for name, value in values.items())


class Desk:
    """LibreOffice with one document open at a time."""

    def __init__(self, context, person):
        self.desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        self.person = person
        self.document = None

    def open(self, url):
        how = settings(Hidden=True, InteractionHandler=self.person, AuthenticationHandler=self.person)
        self.document = self.desktop.loadComponentFromURL(url, "_blank", 0, how)
        if self.document is None:
            raise IOError("not opened")

    def text(self):
        return self.document.Text.String

    def type(self, text):
        self.document.Text.String = text

    def range(self, address):
        return self.document.Sheets.getByIndex(0).getCellRangeByName(address)

    def cell(self, address):
        return self.range(address).String

    def fill(self, address, text):
        self.range(address).String = text

    def save(self):
        self.document.store()

    def saveas(self, url):
        how = settings(InteractionHandler=self.person, AuthenticationHandler=self.person, Overwrite=True)
        self.document.storeAsURL(url, how)

    def readonly(self):
        return "yes" if self.document.isReadonly() else "no"

    def asked(self):
        asked, self.person.asked = self.person.asked, []
        return ", ".join(asked)

    def close(self):
        self.document.close(False)


def main():
    pipe, user = sys.argv[1:]
    desk = Desk(connect(pipe), Person(user, os.environ["POSTERN_DAV_PASSWORD"]))
    for line in sys.stdin:
        command, *words = line.rstrip("\n").split("\t")
        try:
            print("ok", getattr(desk, command)(*words) or "", flush=True)
        except Exception as err:  # whatever LibreOffice says, the test decides
            print("error", type(err).__name__, str(err).replace("\n", " "), flush=True)


main()
