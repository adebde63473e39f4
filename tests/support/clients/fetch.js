// SPDX-License-Identifier: GPL-3.0-or-later
//
// node fetch.js URL...: one line for each URL: milliseconds, and the body's first line or the error.

'use strict';
const https = require('https');

function fetch(url) {
    return new Promise((done) => {
        const request = https.get(url, { timeout: 5000 }, (response) => {
            let body = '';
            response.on('data', (part) => (body += part));
            response.on('end', () => done(body.split('\n')[0]));
        });
        request.on('timeout', () => request.destroy(new Error('no answer in 5 s')));
        request.on('error', (error) => done(`${error.code} ${error.message}`));
    });
}

(async () => {
    for (const url of process.argv.slice(2)) {
        const begin = Date.now();
        const result = await fetch(url);
        console.log(`${url} ${Date.now() - begin} ms ${result}`);
    }
})();
