// Sends a file with an unmodified client of tus, as the job on standard input says; tells the outcome as JSON.
//   client      "tus-js-client" or "uppy"
//   endpoint    address of the uploads
//   file        path of the document
//   token_file  path of a file with the access token, read before each request
//   options     of the client
import { createReadStream, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import Uppy from "@uppy/core";
import UppyTus from "@uppy/tus";
import * as tus from "tus-js-client";

const job = JSON.parse(await text(process.stdin));
const common = {
  endpoint: job.endpoint,
  retryDelays: Array(400).fill(100),
  onBeforeRequest: (request) =>
    request.setHeader("Authorization", `Bearer ${readFileSync(job.token_file, "utf8")}`),
  ...job.options,
};

function withTusJsClient() {
  return new Promise((resolve, reject) => {
    const parallel = (job.options.parallelUploads ?? 1) > 1;
    const file = parallel ? readFileSync(job.file) : createReadStream(job.file);
    const upload = new tus.Upload(file, {
      chunkSize: Infinity,
      uploadSize: statSync(job.file).size,
      metadata: { filename: basename(job.file), filetype: "application/x-test" },
      ...common,
      ...(parallel ? { uploadSize: null } : {}),
      onError: reject,
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        // 401: the token has ended, and the next request reads another one.
        return status < 400 || status >= 500 || [401, 409, 423].includes(status);
      },
      onSuccess: () => resolve({ url: upload.url }),
    });
    upload.start();
  });
}

async function withUppy() {
  const uppy = new Uppy();
  uppy.use(UppyTus, common);
  const data = readFileSync(job.file);
  uppy.addFile({ name: basename(job.file), type: "application/x-test", data, size: data.length });
  const result = await uppy.upload();
  if (result.failed.length > 0) throw result.failed[0].error;
  return { url: result.successful[0].uploadURL };
}

const outcome = await (job.client === "uppy" ? withUppy() : withTusJsClient());
process.stdout.write(JSON.stringify(outcome));
