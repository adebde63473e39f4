// SPDX-License-Identifier: GPL-3.0-or-later
//
// node streams.js ORIGIN PATH N: N requests at the same time on one HTTP/2 connection; how many were answered by 200.

'use strict';
const http2 = require('http2');

const [origin, path, n] = process.argv.slice(2);
const session = http2.connect(origin);
let answered = 0, open = Number(n);

session.on('error', (error) => { console.log(`${error.code} ${error.message}`); process.exit(1); });
for (let i = 0; i < Number(n); i++) {
    const stream = session.request({ ':path': `${path}?${i}` });
    stream.on('response', (headers) => { if (headers[':status'] === 200) answered++; });
    stream.on('error', (error) => console.log(error.message));
    stream.resume();
    stream.on('close', () => {
        if (--open === 0) {
            console.log(`${answered} answered`);
            session.close();
        }
    });
}
