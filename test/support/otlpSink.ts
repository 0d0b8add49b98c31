import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Value {
  stringValue?: string;
  intValue?: number | string;
}

/** A span as it was exported, with its attributes as one object. */
export interface ExportedSpan {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  links: { traceId: string; spanId: string }[];
  status: { code?: number; message?: string };
  attributes: Record<string, string | number | undefined>;
}

export interface OtlpSink {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  endpoint: string;
  spans: ExportedSpan[];
  close(): Promise<void>;
}

interface Exported {
  resourceSpans: {
    scopeSpans: { spans: (Omit<ExportedSpan, 'attributes'> & { attributes: { key: string; value: Value }[] })[] }[];
  }[];
}

/** An OTLP/HTTP receiver (JSON) that keeps what it is sent. */
export async function startOtlpSink(): Promise<OtlpSink> {
  const spans: ExportedSpan[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Exported;
      for (const span of resourceSpans.flatMap((one) => one.scopeSpans.flatMap((two) => two.spans))) {
        const attributes = Object.fromEntries(
          span.attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
        );
        spans.push({ ...span, attributes });
      }
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
