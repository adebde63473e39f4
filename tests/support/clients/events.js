// SPDX-License-Identifier: GPL-3.0-or-later
//
// node events.js URL: as events.py, by fetch().

'use strict';

(async () => {
    const begin = Date.now();
    let late = 0, count = 0, rest = '';
    const response = await fetch(process.argv[2]);
    for await (const part of response.body) {
        const lines = (rest + Buffer.from(part).toString()).split('\n');
        rest = lines.pop();
        for (const line of lines) {
            if (!line.startsWith('data: '))
                continue;
            late = Math.max(late, Date.now() - Number(line.slice(6)) * 1000);
            count++;
        }
    }
    console.log(`${count} events ${Date.now() - begin} ${Math.round(late)}`);
})();
