// Sends spans of answered HTTP requests over OTLP/HTTP until its standard input ends. Prints the span ids of each batch
// that was answered OK, in one line; a batch that was not is sent again, whatever the reason.
'use strict';

const { SpanKind, trace } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { NodeSDK, resources, tracing } = require('@opentelemetry/sdk-node');

const [url, perBatch] = [process.argv[2], Number(process.argv[3])];
const exporter = new OTLPTraceExporter({ url, timeoutMillis: 3000 });

const patient = {
  export(spans, done) {
    exporter.export(spans, (result) => {
      if (result.code !== 0) {
        setTimeout(() => patient.export(spans, done), 50);
        return;
      }
      console.log(spans.map((span) => span.spanContext().spanId).join(' '));
      done(result);
    });
  },
  forceFlush: () => exporter.forceFlush(),
  shutdown: () => exporter.shutdown(),
};

const processor = new tracing.BatchSpanProcessor(patient, { exportTimeoutMillis: 120000 });
const sdk = new NodeSDK({
  resource: resources.resourceFromAttributes({ 'service.name': 'node-shop' }),
  autoDetectResources: false,
  instrumentations: [],
  spanProcessors: [processor],
});
sdk.start();

let ends = false;
process.stdin.on('end', () => { ends = true; }).resume();

async function send() {
  const tracer = trace.getTracer('shop');
  for (let number = 0; !ends; number += 1) {
    for (let part = 0; part < perBatch; part += 1) {
      tracer.startSpan('GET /carts/{id}', {
        kind: SpanKind.SERVER,
        attributes: {
          'http.request.method': 'GET',
          'http.route': '/carts/{id}',
          'http.response.status_code': 200,
          'url.path': `/carts/${number}`,
          'url.scheme': 'http',
        },
      }).end();
    }
    await processor.forceFlush();
    await new Promise((resume) => { setTimeout(resume, 20); });
  }
  await sdk.shutdown();
}

send();
