create database if not exists blog;
create user if not exists 'blog'@'%' identified by 'secret';
grant all on blog.* to 'blog'@'%';
