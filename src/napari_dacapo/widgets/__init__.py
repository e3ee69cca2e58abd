"""Qt: thin views over the session; nothing here reads a store or knows an array.

========================  ==============================================================
``runs_widget``           the dock "Runs": wires the parts below to a session
``panels``                the pages under the run table; new ones are added there
``worker``                slow work in Qt's thread pool, answers on the main thread
``row_texts``             what a cell of the run table says (no Qt)
========================  ==============================================================
"""
