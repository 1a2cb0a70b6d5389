# What two data planes say to each other. One ZeroMQ message is one Frame, and where it is `data` a second part
# with the bytes themselves, raw.
#
# Of two processes A and B, A's DEALER is connected to B's ROUTER and B's DEALER to A's ROUTER. All that has to do
# with payload from A to B is on the first connection: the data go forwards, the credit for them comes back, where no
# payload ever stands in its way.
#
# A session is a process's incarnation (a random number) and its generation for that peer, which grows whenever it
# gives the peer up. An opening is the number of one opening of a channel's end, never used again by that process:
# what was meant for an end that is gone is known by it and dropped.

@0xd3b1f0a4c2e79658;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire::schema");

struct Frame {
  union {
    none @0 :Void;        # never sent: an empty message is not a frame
    hello @1 :Hello;      # forwards: the first on a connection, and again after `reset`
    welcome @2 :Session;  # back: the answer to a hello that is taken
    refused @3 :Text;     # back: the answer to a hello that is not, in words; the connection is of no use
    alive @4 :Void;       # back: sent at an interval
    reset @5 :Reset;      # back: all channels between us are given up; greet me again
    data @6 :Payload;     # forwards
    credit @7 :Credit;    # back
    cancel @8 :Cancel;    # forwards
    close @9 :Close;      # forwards, behind the channel's last data
  }
}

struct Session {
  incarnation @0 :UInt64;
  generation @1 :UInt64;
}

struct Hello {
  version @0 :UInt32;   # of this protocol
  cluster @1 :Text;
  from @2 :Text;        # the peer's name; with CURVE it must be the one that its key stands for
  to @3 :Text;          # whom it believes to have reached
  session @4 :Session;
}

struct Reset {
  session @0 :Session;
  why @1 :Text;
}

struct Payload {
  channel @0 :UInt32;
  priority @1 :UInt8;   # 0 control, 1 gradients, 2 state, 3 samples
  opening @2 :UInt64;   # of the receiving end
  sequence @3 :UInt64;  # of the message since that opening, from 0
  total @4 :UInt64;     # bytes of the message's payload
  offset @5 :UInt64;    # of the second part's first byte in it
  header @6 :Data;      # the application's own; with offset 0 only
}

struct Credit {
  channel @0 :UInt32;
  opening @1 :UInt64;    # of the end that gives it
  generation @2 :UInt64; # of the process that gives it
  first @3 :Bool;        # the end has just been opened; `bytes` is then its window
  bytes @4 :UInt64;
}

struct Cancel {
  channel @0 :UInt32;
  opening @1 :UInt64;    # of the end that is to wake
  code @2 :UInt8;        # an ErrorCode
  why @3 :Text;
}

struct Close {
  channel @0 :UInt32;
  opening @1 :UInt64;    # of the end that hears it; 0: it is not open as far as is known
  closed @2 :UInt64;     # of the end that closed
}
