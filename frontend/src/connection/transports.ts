/** How a run is followed: by the first of the transports that works here, the quickest first. */
import type { Api } from "../service/api";
import type { Connection, ConnectionListener } from "./connection";
import { RunConnection } from "./follow";
import { poll } from "./poll";
import { serverSentEvents } from "./sse";
import { webSocket } from "./websocket";

export function connectBy(api: Api): (runId: string, listener: ConnectionListener) => Connection {
  const transports = [webSocket, serverSentEvents, poll(api)];
  return (runId, listener) => new RunConnection(transports, runId, listener);
}
