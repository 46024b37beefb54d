//! Conversion between the coefficients of an area and its pixels.

use crate::{
    block::Block,
    color::ColorSpace,
    dct::{forward, inverse},
    edit::{Area, Content, Plane},
    error::Error,
    file::File,
    mcu::{Mcu, McuReader},
};

/// A rectangle of pixels in row-major order: one gray byte each, or red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Bytes per pixel: 1 or 3.
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub data: Vec<u8>,
}

impl File {
    /// Calls `stripe` for each row of MCUs of an area, from the top, with its pixels, including the
    /// padding of the last MCUs.
    pub(crate) fn stripes(&self, area: Area, mut stripe: impl FnMut(&[u8])) -> Result<(), Error> {
        let (wide, tall) = (8 * self.frame.h_max, 8 * self.frame.v_max);
        let channels = self.color_space.channels();
        let row = area.width * wide * channels;
        let mut data = vec![0; row * tall];
        let mut reader = McuReader::new(self);
        let mut planes: Vec<Vec<u8>> = Vec::new();
        for c in &self.frame.components {
            planes.push(vec![0; 64 * c.h * c.v]);
        }
        for my in 0..area.height {
            for mx in 0..area.width {
                reader.read((area.x + mx, area.y + my))?;
                let at = mx * wide * channels;
                if self.color_space == ColorSpace::Gray {
                    let block = inverse(&reader.mcu.component(0)[0], &self.steps[0]);
                    for (out, row) in data.chunks_exact_mut(row).zip(block.chunks_exact(8)) {
                        out[at..at + 8].copy_from_slice(row);
                    }
                    continue;
                }
                self.samples(&reader.mcu, &mut planes);
                for (y, out) in data.chunks_exact_mut(row).enumerate() {
                    let out = out[at..at + wide * channels].chunks_exact_mut(3);
                    for (x, out) in out.enumerate() {
                        let mut s = [0; 4];
                        for ((s, plane), c) in s.iter_mut().zip(&planes).zip(&self.frame.components)
                        {
                            // Each pixel takes the sample that covers it, without interpolation.
                            let (sx, sy) = (x * c.h / self.frame.h_max, y * c.v / self.frame.v_max);
                            *s = plane[sy * 8 * c.h + sx];
                        }
                        out.copy_from_slice(&self.color_space.pixel(s));
                    }
                }
            }
            stripe(&data);
        }
        Ok(())
    }

    /// Returns the pixels of an area, including the padding of the last MCUs.
    pub(crate) fn pixels(&self, area: Area) -> Result<Pixels, Error> {
        let (wide, tall) = (8 * self.frame.h_max, 8 * self.frame.v_max);
        let channels = self.color_space.channels();
        let (width, height) = (area.width * wide, area.height * tall);
        let mut data = Vec::with_capacity(width * height * channels);
        self.stripes(area, |stripe| data.extend_from_slice(stripe))?;
        Ok(Pixels {
            width,
            height,
            channels,
            data,
        })
    }

    /// Writes the samples of an MCU to one plane per component.
    fn samples(&self, mcu: &Mcu, planes: &mut [Vec<u8>]) {
        let components = self.frame.components.iter().zip(&self.steps);
        for (i, ((c, steps), plane)) in components.zip(planes).enumerate() {
            for (n, block) in mcu.component(i).iter().enumerate() {
                let (bx, by) = (n % c.h, n / c.h);
                for (y, row) in inverse(block, steps).chunks_exact(8).enumerate() {
                    let at = (8 * by + y) * 8 * c.h + 8 * bx;
                    plane[at..at + 8].copy_from_slice(row);
                }
            }
        }
    }

    /// Returns the coefficients of new pixels for an area.
    pub(crate) fn coefficients(&self, area: Area, pixels: &Pixels) -> Result<Content, Error> {
        let frame = &self.frame;
        let (width, height) = (area.width * 8 * frame.h_max, area.height * 8 * frame.v_max);
        let channels = self.color_space.channels();
        let fits = (pixels.width, pixels.height, pixels.channels) == (width, height, channels);
        if !fits || pixels.data.len() != width * height * channels {
            return Err(Error::Edit);
        }
        let mut planes = Vec::new();
        for (i, (c, steps)) in frame.components.iter().zip(&self.steps).enumerate() {
            let (across, down) = (area.width * c.h, area.height * c.v);
            let plane = self.plane(i, pixels, 8 * across, 8 * down);
            let mut blocks = Vec::with_capacity(across * down);
            for by in 0..down {
                for bx in 0..across {
                    let mut block = [0u8; 64];
                    for (y, row) in block.chunks_exact_mut(8).enumerate() {
                        let at = (8 * by + y) * 8 * across + 8 * bx;
                        row.copy_from_slice(&plane[at..at + 8]);
                    }
                    blocks.push(Block::new(&forward(&block, steps)));
                }
            }
            planes.push(Plane {
                x: area.x * c.h,
                y: area.y * c.v,
                across,
                blocks,
            });
        }
        Ok(Content::Blocks(planes))
    }

    /// Returns a component's samples of new pixels: each is the mean of the pixels it covers.
    fn plane(&self, component: usize, pixels: &Pixels, across: usize, down: usize) -> Vec<u8> {
        if self.color_space == ColorSpace::Gray {
            return pixels.data.clone();
        }
        let mut sums = vec![(0u32, 0u32); across * down];
        for (n, p) in pixels.data.chunks_exact(3).enumerate() {
            let (x, y) = (n % pixels.width, n / pixels.width);
            let sample = self.color_space.samples([p[0], p[1], p[2]])[component];
            let at = (y * down / pixels.height) * across + x * across / pixels.width;
            sums[at].0 += u32::from(sample);
            sums[at].1 += 1;
        }
        sums.into_iter()
            .map(|(sum, count)| ((sum + count / 2) / count.max(1)) as u8)
            .collect()
    }

    /// Returns the DC coefficients of a uniform color.
    pub(crate) fn constant(&self, color: [u8; 3]) -> Content {
        let samples = self.color_space.samples(color);
        let dc = samples.iter().zip(&self.steps).map(|(&s, steps)| {
            let (value, step) = (8 * (i32::from(s) - 128), i32::from(steps[0]));
            // Rounds away from gray, so that black and white stay exact with coarse steps.
            let up = if matches!(s, 0 | 255) {
                step - 1
            } else {
                step / 2
            };
            ((value.abs() + up) / step * value.signum()) as i16
        });
        Content::Constant(dc.collect())
    }
}
