/** Plays the remote audio of a call. An incoming call has no peer connection before it is answered. */

import type { RTCSession } from "jssip/lib/RTCSession";

export function playRemoteAudio(session: RTCSession, play: (stream: MediaStream) => void): void {
  const connection = session.connection as RTCPeerConnection | null;
  const follow = (from: RTCPeerConnection) => {
    const [receiver] = from.getReceivers();
    if (receiver) play(new MediaStream([receiver.track]));
    from.addEventListener("track", ({ track }) => {
      play(new MediaStream([track]));
    });
  };
  if (connection) follow(connection);
  else
    session.on("peerconnection", ({ peerconnection }) => {
      follow(peerconnection);
    });
}
